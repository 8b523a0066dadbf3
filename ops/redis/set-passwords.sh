#!/bin/sh
# Prints an ACL file for Redis: the rules of users.acl with the hash of each user's password.
#
#   set-passwords.sh FOLDER > /etc/redis/users.acl      then: aclfile /etc/redis/users.acl in redis.conf
#
# FOLDER has a file for each user with its password; those that are missing are made (64 hexadecimal digits, mode 0600).
# To change a password remove its file, run this again, and ACL LOAD.
set -eu
umask 077

fail()
{
    echo "set-passwords.sh: $1" >&2
    exit 1
}

folder=${1:-}
if [ $# -ne 1 ] || [ -z "$folder" ]; then
    fail "usage: set-passwords.sh FOLDER"
fi
rules=$(dirname "$0")/users.acl
[ -r "$rules" ] || fail "cannot read $rules"
mkdir -p "$folder"

# all are looked at before anything is printed
awk '$3 == "on" {print $2}' "$rules" | while read -r user; do
    file=$folder/$user
    if [ ! -e "$file" ]; then
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file"
        echo >>"$file"
    fi
    [ -n "$(tr -d ' \n' <"$file")" ] || fail "$file is empty: write a password into it, or remove it to have one made"
done

while read -r line; do
    user=$(echo "$line" | awk '{print $2}')
    if [ -e "$folder/$user" ]; then
        hash=$(tr -d '\n' <"$folder/$user" | sha256sum | cut -c1-64)
        line=$(echo "$line" | sed "s/ resetpass / resetpass #$hash /")
    fi
    echo "$line"
done <"$rules"
