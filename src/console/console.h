/* The page at /console: its files, which lie in the program, and their serving. It talks to the API only, by
 * calls of the browser. Needs no store and no key: what it shows it asks for, and that needs one. */
#pragma once

/* GET /console, GET /console/assets/{build}/{name}. Once, before server_start. */
void console_add_routes(void);
