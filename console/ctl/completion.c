#include <string.h>

#include "help.h"

static void print_words(FILE *out, const struct command *c)
{
    for (const struct option *o = c->options; o->name != NULL; o++)
        (void)fprintf(out, "--%s ", o->name);
    for (const struct option *o = common_options; o->name != NULL; o++)
        (void)fprintf(out, "%s--%s", o == common_options ? "" : " ", o->name);
}

static void print_spaced(FILE *out, const char *choices)
{
    for (; *choices != '\0'; choices++)
        (void)fputc(*choices == '|' ? ' ' : *choices, out);
}

static void print_bash_values(FILE *out, const struct command *c)
{
    for (const struct option *o = c->options; o->name != NULL; o++) {
        if (o->kind == FLAG)
            continue;
        (void)fprintf(out, "        %s:--%s) words=\"", c->name, o->name);
        if (o->kind == CHOICE)
            print_spaced(out, o->choices);
        else if (o->kind == FUNCTION)
            (void)fputs("$(_chronosctl_functions)", out);
        (void)fputs("\" ;;\n", out);
    }
}

static void print_bash_arguments(FILE *out, const struct command *c)
{
    for (int i = 0; c->arguments[i].name != NULL; i++) {
        const struct argument *a = &c->arguments[i];
        if (a->kind != CHOICE && a->kind != FUNCTION)
            continue;
        (void)fprintf(out, "        %s:%d) words=\"", c->name, i);
        if (a->kind == CHOICE)
            print_spaced(out, a->choices);
        else
            (void)fputs("$(_chronosctl_functions)", out);
        (void)fputs("\" ;;\n", out);
    }
}

static void print_bash(FILE *out)
{
    (void)fputs(
        "# bash completion for chronosctl: source <(chronosctl completion bash)\n"
        "_chronosctl_functions()\n{\n"
        "    chronosctl functions --json 2>/dev/null | sed -n "
        "'s/^    \"id\": \"\\([^\"]*\\)\".*/\\1/p'\n}\n\n"
        "_chronosctl()\n{\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} "
        "words=\"\" command=${COMP_WORDS[1]} i n=0\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"",
        out);
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
        (void)fprintf(out, "%s ", c->name);
    (void)fputs("--help --version\"\n"
                "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                "        return\n    fi\n"
                "    case $command:$previous in\n",
                out);
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
        print_bash_values(out, c);
    (void)fputs("        *)\n"
                "            for ((i = 2; i < COMP_CWORD; i++)); do\n"
                "                [[ ${COMP_WORDS[i]} == -* ]] || n=$((n + 1))\n"
                "            done\n"
                "            case $command:$n in\n",
                out);
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
        print_bash_arguments(out, c);
    (void)fputs("            esac\n"
                "            if [[ $current == -* || -z $words ]]; then\n"
                "                case $command in\n",
                out);
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c)) {
        (void)fprintf(out, "                    %s) words=\"", c->name);
        print_words(out, c);
        (void)fputs("\" ;;\n", out);
    }
    (void)fputs("                esac\n            fi\n            ;;\n    esac\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
                "complete -F _chronosctl chronosctl\n",
                out);
}

/* In an _arguments specification a colon, a bracket and a quote have a meaning. */
static void print_zsh_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            (void)fputs("'\\''", out);
        else {
            if (strchr(":[]\\", *text) != NULL)
                (void)fputc('\\', out);
            (void)fputc(*text, out);
        }
    }
}

static void print_zsh_values(FILE *out, enum kind kind, const char *choices)
{
    if (kind == CHOICE) {
        (void)fputc('(', out);
        print_spaced(out, choices);
        (void)fputc(')', out);
    } else if (kind == FUNCTION) {
        (void)fputs("_chronosctl_functions", out);
    }
}

static void print_zsh_option(FILE *out, const struct option *o)
{
    (void)fprintf(out, " \\\n                '--%s[", o->name);
    print_zsh_text(out, o->help);
    (void)fputs("]", out);
    if (o->kind != FLAG) {
        (void)fprintf(out, ":%s:", o->name);
        print_zsh_values(out, o->kind, o->choices);
    }
    (void)fputs("'", out);
}

static void print_zsh_command(FILE *out, const struct command *c)
{
    (void)fprintf(out, "        %s)\n            _arguments", c->name);
    for (const struct option *o = c->options; o->name != NULL; o++)
        print_zsh_option(out, o);
    for (const struct option *o = common_options; o->name != NULL; o++)
        print_zsh_option(out, o);
    for (int i = 0; c->arguments[i].name != NULL; i++) {
        const struct argument *a = &c->arguments[i];
        (void)fprintf(out, " \\\n                '%d:%s:", i + 1, a->name);
        print_zsh_values(out, a->kind, a->choices);
        (void)fputs("'", out);
    }
    (void)fputs("\n            ;;\n", out);
}

static void print_zsh(FILE *out)
{
    (void)fputs("#compdef chronosctl\n"
                "# zsh completion for chronosctl: chronosctl completion zsh > "
                "\"${fpath[1]}/_chronosctl\"\n"
                "_chronosctl_functions()\n{\n"
                "    compadd -- $(chronosctl functions --json 2>/dev/null | sed -n "
                "'s/^    \"id\": \"\\([^\"]*\\)\".*/\\1/p')\n}\n\n"
                "_chronosctl()\n{\n"
                "    local -a commands\n    commands=(\n",
                out);
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c)) {
        (void)fprintf(out, "        '%s:", c->name);
        print_zsh_text(out, c->summary);
        (void)fputs("'\n", out);
    }
    (void)fputs("    )\n"
                "    if ((CURRENT == 2)); then\n"
                "        _describe command commands\n"
                "        return\n    fi\n"
                "    local command=$words[2]\n"
                "    shift words\n    ((CURRENT--))\n"
                "    case $command in\n",
                out);
    for (const struct command *c = command_next(NULL); c != NULL; c = command_next(c))
        print_zsh_command(out, c);
    (void)fputs("    esac\n}\n"
                "if [ \"$funcstack[1]\" = _chronosctl ]; then\n    _chronosctl \"$@\"\n"
                "else\n    compdef _chronosctl chronosctl\nfi\n",
                out);
}

bool help_completion(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        print_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        print_zsh(out);
    else
        return false;
    return true;
}
