/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints claviger(1) and the completions of three shells from the tables (see manual.h). Runs in batch mode
 * and asks no server; the completions ask one for names when they are used.
 */
#include "console/manual.h"

#include "console/batch_rows.h"
#include "views/actions.h"

#include <stdio.h>
#include <string.h>

/* --- roff --- */
/* Text of ours with what roff would read as its own. */
static void roff(const char *s)
{
	if (*s == '.' || *s == '\'')
		printf("\\&");
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			printf("\\e");
		else if (*s == '-')
			printf("\\-");
		else
			putchar(*s);
	}
}

static void item(const char *bold, const char *italic, const char *text)
{
	printf(".TP\n\\fB");
	roff(bold);
	printf("\\fR");
	if (italic != NULL) {
		printf(" \\fI");
		roff(italic);
		printf("\\fR");
	}
	printf("\n");
	roff(text);
	printf("\n");
}

static const char *command_help(const char *word, const char *sub)
{
	for (const struct manual_command *c = manual_commands; c->word != NULL; c++) {
		if (strcmp(c->word, word) == 0 &&
		    (c->sub == NULL || (sub != NULL && strcmp(c->sub, sub) == 0)))
			return c->help;
	}
	return "";
}

static void page_commands(void)
{
	struct batch_command c;
	printf(".SH COMMANDS\nWithout a command, the full screen. Data goes to standard output, everything "
	       "else to standard "
	       "error. An act asks on a terminal unless\n.B \\-\\-yes\nis given, and never elsewhere.\n");
	for (size_t i = 0; batch_command_row(i, &c); i++) {
		if (!c.group)
			item(c.usage, NULL, command_help(c.word, c.sub));
	}
}

static void page_options(void)
{
	printf(".SH OPTIONS\nThey may stand anywhere.\n");
	for (const struct manual_option *o = manual_options; o->name != NULL; o++) {
		char name[64], text[400];
		const char *letter = strcmp(o->name, "server") == 0   ? "-s, "
		                     : strcmp(o->name, "output") == 0 ? "-o, "
		                     : strcmp(o->name, "help") == 0   ? "-h, "
		                                                      : "";
		snprintf(name, sizeof(name), "%s--%s", letter, o->name);
		snprintf(text, sizeof(text), "%s%s%s%s%s%s", o->with[0] != '\0' ? "(" : "", o->with,
		         o->with[0] != '\0' ? ") " : "", o->help, o->choices != NULL ? ": " : "",
		         o->choices != NULL ? o->choices : "");
		item(name, o->arg, text);
	}
}

static const char *section_name(enum section s)
{
	static const char *const names[SEC_MAX] = {
	    [SEC_LOOK] = "Looking", [SEC_ACT] = "Acting",  [SEC_MARK] = "Marking",
	    [SEC_FIND] = "Finding", [SEC_MOVE] = "Moving", [SEC_EVERYWHERE] = "Everywhere"};
	return names[s];
}

/* A row of the action table once: several rows may share key and words. */
static bool said_before(size_t i)
{
	for (size_t k = 1; k < i; k++) {
		if (action_rows[k].section == action_rows[i].section &&
		    strcmp(action_rows[k].keys, action_rows[i].keys) == 0 &&
		    strcmp(action_rows[k].help, action_rows[i].help) == 0)
			return true;
	}
	return false;
}

static void page_keys(void)
{
	printf(".SH KEYS\nLower case looks; capitals and + act, and each of them opens a question whose "
	       "default is no.\n");
	for (int s = 0; s < SEC_MAX; s++) {
		printf(".SS %s\n", section_name((enum section)s));
		for (size_t i = 1; i < ACTION_MAX; i++) {
			const struct action_row *a = &action_rows[i];
			char command[64];
			if (a->section != (enum section)s || said_before(i))
				continue;
			snprintf(command, sizeof(command), ":%s", a->command != NULL ? a->command : "");
			item(a->keys[0] != '\0' ? a->keys : command,
			     a->keys[0] != '\0' && a->command != NULL ? command : NULL, a->help);
		}
	}
}

static void page_json(void)
{
	static const char *const lists[] = {"agents",  "accounts", "profiles", "groups",
	                                    "servers", "alerts",   "events",   "pending",
	                                    "audit",   "expiry",   "roles",    "requests"};
	printf(".SH JSON AND CSV\nA list is an array of objects whose names are stable; times are RFC 3339 "
	       "in UTC, thumbprints "
	       "upper\\-case hexadecimal without separators, absent values null. With\n.B \\-\\-watch\nthe "
	       "first line is that "
	       "list, and each further line {\"time\", \"rows\"} as it has become. Filters and\n.B "
	       "\\-\\-sort\ntake the same "
	       "names.\n");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		enum clv_list list;
		char text[600];
		size_t used = 0;
		if (!row_list_parse(lists[i], &list))
			continue;
		for (const struct row_column *c = row_columns(list); c->name != NULL && used < sizeof(text);
		     c++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
			                         used > 0 ? " " : "", c->name);
		item(lists[i], NULL, text);
	}
	item("trace", NULL,
	     "alert verified nodes[{name role received sent}] links[{from to mechanism protocol cipher "
	     "fingerprint_from fingerprint_to}] hops[{node verdict}]; describe alert has these beside the "
	     "alert's");
}

static void page_end(void)
{
	static const char *const codes[][2] = {{"0", "done"},
	                                       {"1", "failed"},
	                                       {"2", "the command line is wrong"},
	                                       {"3", "not allowed"},
	                                       {"4", "the server was not reached, or did not prove itself"},
	                                       {"5", "a verification failed"}};
	printf(".SH EXIT STATUS\n");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		item(codes[i][0], NULL, codes[i][1]);
	printf(".SH ENVIRONMENT\n");
	item("CLAVIGER_SERVER", NULL, "as -s");
	item("NO_COLOR", NULL, "if it is set and not empty, no colours");
	item("TERM, LC_ALL, LC_CTYPE, LANG", NULL,
	     "what the terminal can show; without UTF-8, ASCII is used");
	printf(".SH FILES\n");
	item("/etc/claviger/claviger.conf, ~/.config/claviger/claviger.conf", NULL,
	     "server, ca, cert, key, pinned groups, proxy_command");
	item("~/.config/claviger/console.conf", NULL, "keys, columns, theme, contexts of the full screen");
	printf(".SH SEE ALSO\n.BR clavigerd (8)\n");
}

int manual_page(void)
{
	printf(".TH CLAVIGER 1 2026-11-25 \"claviger " CLV_VERSION "\" \"Claviger\"\n"
	       ".SH NAME\nclaviger \\- console of a management group's keys and credentials\n"
	       ".SH SYNOPSIS\n.B claviger\n[\\fB\\-s\\fR \\fISERVER\\fR] [\\fB\\-\\-read\\-only\\fR] "
	       "[\\fB\\-\\-restricted\\fR] "
	       "[\\fB\\-\\-plain\\fR] [\\fIVIEW\\fR]\n.br\n.B claviger\n\\fICOMMAND\\fR ...\n"
	       ".SH DESCRIPTION\nBrowses the agents of a management group, their certificates and "
	       "thumbprints, rotates keys, "
	       "enters RunAs passwords, and reads events and the audit trail: as a full\\-screen program, or "
	       "by commands with "
	       "the same filters and columns.\n");
	page_commands();
	page_options();
	page_keys();
	page_json();
	page_end();
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* --- completions --- */
/* Words of the table, each once: of the first place (of NULL), or what may follow `of`. */
static void words(const char *of, const char *between)
{
	struct batch_command c, before;
	for (size_t i = 0; batch_command_row(i, &c); i++) {
		const char *w = of == NULL ? c.word : c.sub;
		bool again = w == NULL || (of != NULL && strcmp(of, c.word) != 0);
		for (size_t k = 0; !again && k < i && batch_command_row(k, &before); k++) {
			const char *b = of == NULL ? before.word : before.sub;
			again =
			    b != NULL && strcmp(b, w) == 0 && (of == NULL || strcmp(before.word, of) == 0);
		}
		if (!again)
			printf("%s%s", w, between);
	}
}

static bool has_subcommands(const char *word)
{
	struct batch_command c;
	for (size_t i = 0; batch_command_row(i, &c); i++) {
		if (strcmp(c.word, word) == 0 && c.sub != NULL)
			return true;
	}
	return false;
}

#define LISTS "agents accounts profiles groups servers events pending audit expiry roles requests"
/* What names a word after these commands is: a list of `get`. */
static const struct {
	const char *command, *list;
} named[] = {
    {"describe agent", "agents"},
    {"remove agent", "agents"},
    {"rotate", "agents"},
    {"move", "agents"},
    {"approve", "pending"},
    {"reject", "pending"},
    {"describe account", "accounts"},
    {"account edit", "accounts"},
    {"account remove", "accounts"},
    {"account distribute", "accounts"},
    {"account continue", "accounts"},
    {"reenter", "accounts"},
    {"recovery verify", "accounts"},
    {"recovery aside", "accounts"},
    {"profile remove", "profiles"},
    {"profile associate", "profiles"},
    {"group edit", "groups"},
    {"group remove", "groups"},
};
#define N_NAMED (sizeof(named) / sizeof(named[0]))

static void bash(void)
{
	printf("# completion of claviger for bash\n"
	       /* compgen expands its words: only what cannot be anything but a name gets there. */
	       "_claviger_names() {\n\tclaviger get \"$1\" -o csv --limit 500 </dev/null 2>/dev/null |\n"
	       "\t\tsed -n '2,$s/,.*//p' | grep -xE '[A-Za-z0-9._-]+'\n}\n"
	       "_claviger() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} w one= "
	       "two= list=\n"
	       "\tlocal i skip=''\n\tCOMPREPLY=()\n\tcase $prev in\n");
	for (const struct manual_option *o = manual_options; o->name != NULL; o++) {
		if (o->choices != NULL)
			printf("\t--%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", o->name,
			       o->choices);
	}
	printf("\t-o) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n",
	       "table wide json csv text pem nagios html");
	for (const struct manual_option *o = manual_options; o->name != NULL; o++) {
		if (o->arg != NULL && strcmp(o->arg, "FILE") == 0)
			printf("\t--%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", o->name);
	}
	printf("\t--first) COMPREPLY=($(compgen -W \"$(_claviger_names agents)\" -- \"$cur\")); return "
	       ";;\n\tesac\n"
	       "\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W '-s -o");
	for (const struct manual_option *o = manual_options; o->name != NULL; o++)
		printf(" --%s", o->name);
	printf("' -- \"$cur\"))\n\t\treturn\n\tfi\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tw=${COMP_WORDS[i]}\n"
	       "\t\tif [ -n \"$skip\" ]; then skip=''; continue; fi\n\t\tcase $w in\n\t\t-s | -o");
	for (const struct manual_option *o = manual_options; o->name != NULL; o++) {
		if (o->arg != NULL && strstr(o->arg, "...") == NULL)
			printf(" | --%s", o->name);
	}
	printf(") skip=1 ;;\n\t\t-*) ;;\n\t\t*) if [ -z \"$one\" ]; then one=$w; elif [ -z \"$two\" ]; then "
	       "two=$w; fi ;;\n"
	       "\t\tesac\n\tdone\n\tif [ -z \"$one\" ]; then\n\t\tCOMPREPLY=($(compgen -W '");
	words(NULL, " ");
	printf("' -- \"$cur\"))\n\t\treturn\n\tfi\n\tif [ -z \"$two\" ]; then\n\t\tcase $one in\n"
	       "\t\tget) COMPREPLY=($(compgen -W '" LISTS "' -- \"$cur\")); return ;;\n"
	       "\t\tcompletion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")); return ;;\n");
	struct batch_command c, before;
	for (size_t i = 0; batch_command_row(i, &c); i++) {
		bool again = !has_subcommands(c.word);
		for (size_t k = 0; !again && k < i && batch_command_row(k, &before); k++)
			again = strcmp(before.word, c.word) == 0;
		if (again)
			continue;
		printf("\t\t%s) COMPREPLY=($(compgen -W '", c.word);
		words(c.word, " ");
		printf("' -- \"$cur\")); return ;;\n");
	}
	printf("\t\tesac\n\tfi\n\tcase \"$one $two\" in\n");
	for (size_t i = 0; i < N_NAMED; i++)
		printf("\t'%s'%s) list=%s ;;\n", named[i].command,
		       strchr(named[i].command, ' ') != NULL ? "" : "' '*", named[i].list);
	printf("\tesac\n\t[ -z \"$list\" ] || COMPREPLY=($(compgen -W \"$(_claviger_names $list)\" -- "
	       "\"$cur\"))\n}\n"
	       "complete -F _claviger claviger\n");
}

/* zsh reads bash's completion functions; one logic for both. */
static void zsh(void)
{
	printf("#compdef claviger\n# completion of claviger for zsh\n"
	       "autoload -U +X bashcompinit && bashcompinit\n");
	bash();
}

static void quoted(const char *s)
{
	putchar('\'');
	for (; *s != '\0'; s++)
		printf(*s == '\'' || *s == '\\' ? "\\%c" : "%c", *s);
	putchar('\'');
}

static void fish(void)
{
	struct batch_command c;
	printf("# completion of claviger for fish\n"
	       "function __claviger_names\n\tclaviger get $argv[1] -o csv --limit 500 </dev/null 2>/dev/null "
	       "| sed -n "
	       "'2,$s/,.*//p' | grep -xE '[A-Za-z0-9._-]+'\nend\n"
	       "function __claviger_after\n\tset -l words (commandline -opc | string match -v -- '-*')\n"
	       "\ttest \"$words[2..-1]\" = \"$argv\"\nend\n"
	       "complete -c claviger -f\n");
	for (size_t i = 0; batch_command_row(i, &c); i++) {
		if (c.group)
			continue;
		printf("complete -c claviger -n '__claviger_after%s%s' -a %s -d ", c.sub != NULL ? " " : "",
		       c.sub != NULL ? c.word : "", c.sub != NULL ? c.sub : c.word);
		quoted(command_help(c.word, c.sub));
		printf("\n");
		if (c.sub != NULL)
			printf("complete -c claviger -n '__claviger_after' -a %s\n", c.word);
	}
	printf("complete -c claviger -n '__claviger_after get' -a '" LISTS "'\n"
	       "complete -c claviger -n '__claviger_after completion' -a 'bash zsh fish'\n");
	for (size_t i = 0; i < N_NAMED; i++)
		printf("complete -c claviger -n '__claviger_after %s' -a '(__claviger_names %s)'\n",
		       named[i].command, named[i].list);
	for (const struct manual_option *o = manual_options; o->name != NULL; o++) {
		const char *letter = strcmp(o->name, "server") == 0   ? " -s s"
		                     : strcmp(o->name, "output") == 0 ? " -s o"
		                     : strcmp(o->name, "help") == 0   ? " -s h"
		                                                      : "";
		printf("complete -c claviger -l %s%s%s%s -d ", o->name, letter, o->arg != NULL ? " -r" : "",
		       o->arg != NULL && strcmp(o->arg, "FILE") == 0 ? " -F" : "");
		quoted(o->help);
		if (o->choices != NULL) {
			printf(" -a ");
			quoted(o->choices);
		}
		printf("\n");
	}
}

int manual_completion(const struct options *o)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(o->args[1], shells[i].shell) == 0) {
			shells[i].print();
			return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
		}
	}
	fprintf(stderr, "claviger: completion takes bash, zsh or fish\n");
	return EXIT_USAGE;
}
