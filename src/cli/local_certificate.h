/* local_certificate.h - the file that `run --tls` serves with: made when it is not there, or soon over.
 */
#pragma once
#include "conf/conf.h"

/* Nothing when c->tls is off, or the user named a certificate.  0, or -errno with a sentence. */
int local_certificate_make(const struct conf *c, char *why);
