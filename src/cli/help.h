/* help.h - the texts of `slipway help`. */
#pragma once
#include <stdio.h>
#include "cli/verbs.h"

void help_print(FILE *out);                                       /* all verbs */
void help_print_verb(FILE *out, const struct verb *verb);         /* one, with its options */
int help_unknown_verb(const char *name);                          /* one sentence; EXIT_USAGE */
/* docs/options.md, whole, from the table of options. */
void help_print_page(FILE *out);
