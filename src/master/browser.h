/* browser.h - `run --open`: the site in a browser, once it is ready. */
#pragma once

struct master;

/* Starts browse.py and forgets it: nothing waits, and no failure of it is ours. */
void browser_open(const struct master *m);
