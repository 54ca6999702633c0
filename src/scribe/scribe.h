/* scribe.h - the process that writes all logs: `slipway scribe`, exec'd by the master.
 * Descriptors by number are in link/channel.h. */
#pragma once
int scribe_main(void);           /* exit status */
