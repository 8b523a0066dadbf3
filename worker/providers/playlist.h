/* playlist.h: captions out of HLS playlists. Pure code: total on any text.
 *
 * A master playlist lists renditions; the subtitles are its EXT-X-MEDIA lines of TYPE=SUBTITLES. What such a line
 * names is a caption file, or again a playlist of its pieces. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True when the text is a playlist at all. */
bool playlist_is_one(const char *text);

/* The URI of the best subtitles for the preferred language (may be NULL), as it stands there, and their language
 * ("" when unknown). false when there are none or they do not fit. */
bool playlist_subtitles(const char *text, const char *language, char *uri, size_t uri_size,
                        char *ret_language, size_t language_size);

/* The URI of the piece after *pos (start with 0), which is moved on. false after the last; a piece too long for uri
 * is left out. */
bool playlist_next_piece(const char *text, size_t *pos, char *uri, size_t uri_size);

/* `uri` as seen from the playlist at `base`: absolute ones as they are, else in the same place. false: too long. */
bool playlist_resolve(const char *base, const char *uri, char *out, size_t out_size);
