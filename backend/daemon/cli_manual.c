/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clavigerd's commands in a line each, and clavigerd(8) with every option of the configuration, from the
 * tables that the program works by. A command of clavigerd.
 */
#include "base/options.h"
#include "daemon/cli.h"
#include <stdio.h>
#include <string.h>

static const struct {
	const char *usage, *help;
} rows[] = {
    {"run [-c FILE]", "The service, in the foreground."},
    {"init [-c FILE] [--group G] [--name N] [--recovery-key OUT [--passphrase-fd N]]",
     "The first management server: makes the keys of the group; its caller is the first administrator. With "
     "--recovery-key "
     "the offline key too, under a passphrase, in the file OUT."},
    {"enroll [-c FILE] --role agent [--server NAME[@ADDRESS][:PORT]] [--replace]",
     "Asks a server to take this host in, and prints the fingerprint that an operator compares. --replace: "
     "this host was "
     "installed anew."},
    {"join [-c FILE] [--server NAME[@ADDRESS][:PORT]]",
     "One more management server: asks a live one for its copy of the group's keys, prints the code that an "
     "administrator types there within the hour, and waits for it. In this release such a server keeps the "
     "keys "
     "and does not serve beside the first."},
    {"credential [-c FILE] [--user] PROFILE", "Gives an entitled local caller the password of the profile's "
                                              "account, alone on standard output; --user: its user name "
                                              "and domain. A service that is being started anew is waited "
                                              "for, up to 10 seconds."},
    {"alert [-c FILE] --severity information|warning|critical --name NAME [--text TEXT] | --lines",
     "Raises an alert at this host's agent, for root, who runs the service, and whom alert_users and "
     "alert_groups "
     "name. --lines: one for each line SEVERITY TAB NAME TAB TEXT of standard input."},
    {"check [-c FILE]",
     "Says what is wrong with the configuration, what this node proves itself with, what the vault is "
     "protected against, and how to mend what is not right."},
    {"key backup|drill [-c FILE] [--passphrase-fd N] KEYFILE",
     "The group's keys in a file under a passphrase; a drill tries such a file against the running server."},
    {"key restore [-c FILE] [--passphrase-fd N] KEYFILE",
     "Brings a group's keys back on a server that lost them."},
    {"store backup [-c FILE] NAME", "A copy of the database, made through the running service."},
    {"store restore [-c FILE] [--replace] FILE", "Puts such a copy in place; the service is stopped."},
    {"recover [-c FILE] [--group G] [--name FORMER] [--recovery-key FILE [--passphrase-fd N]] [--replace]",
     "New keys over a database that was kept, where no backup of the keys is left: every password is to be "
     "entered again. --replace: also where a server that joined has the keys, because that one is lost too."},
    {"trust [-c FILE] FINGERPRINT", "Accepts a group's new signing key on this node."},
    {"vault protect [-c FILE] --by file|credential|passphrase [--new-passphrase-fd N]",
     "Changes what opens this node's vault; the service is stopped."},
    {"ca init DIR | issue DIR NAME | revoke DIR NAME", "A small authority for labs and tests."},
    {"manual", "This page, in roff."},
    {"--version", "The release."},
};

void cli_usage(FILE *to)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		(void)fprintf(to, "%s clavigerd %s\n", i ? "      " : "usage:", rows[i].usage);
	(void)fprintf(
	    to,
	    "       where the vault is under a passphrase, what starts it takes --vault-passphrase-fd N\n");
}

static void roff(const char *s)
{
	if (*s == '.' || *s == '\'')
		(void)fputs("\\&", stdout);
	for (; *s; s++)
		(void)fputs(*s == '\\' ? "\\e" : *s == '-' ? "\\-" : (const char[]){*s, 0}, stdout);
}

static void item(const char *name, const char *text)
{
	(void)printf(".TP\n\\fB");
	roff(name);
	(void)printf("\\fR\n");
	roff(text);
	(void)printf("\n");
}

static const char *kind_of(const struct conf_option *o)
{
	switch (o->type) {
	case CONF_STRING:
		return "text";
	case CONF_PATH:
		return "a path";
	case CONF_NAME:
		return "a name";
	case CONF_INT:
		return "a number";
	case CONF_BOOL:
		return "yes or no";
	case CONF_SIZE:
		return "a size like 64K, 1M";
	case CONF_DURATION:
		return "a duration like 30s, 5m, 24h, 90d";
	case CONF_CHOICE:
		return "one of";
	case CONF_LIST:
		return "a list with commas";
	}
	return "";
}

static void option_row(const struct conf_option *o)
{
	const char *missing = o->def && strcmp(o->def, "!") == 0 ? "has to be there"
	                      : o->def                           ? "if it is left out: "
	                                                         : "may be left out";
	char text[900], range[80] = "";

	if (o->type == CONF_CHOICE)
		(void)snprintf(range, sizeof range, " %s", o->choices);
	else if (o->type == CONF_INT)
		(void)snprintf(range, sizeof range, " from %lld to %lld", (long long)o->min,
		               (long long)o->max);
	(void)snprintf(text, sizeof text, "%s (%s%s; %s%s%s)", o->help, kind_of(o), range, missing,
	               o->def && strcmp(o->def, "!") != 0 ? o->def : "",
	               o->reloadable ? "; SIGHUP takes a change up" : "");
	item(o->name, text);
}

int cli_manual(void)
{
	const char *section = "";

	(void)printf(".TH CLAVIGERD 8 2026-11-25 \"claviger " CLV_VERSION
	             "\" \"Claviger\"\n.SH NAME\nclavigerd \\- health "
	             "service of a management group\n.SH SYNOPSIS\n.B clavigerd\n\\fICOMMAND\\fR ...\n.SH "
	             "DESCRIPTION\n"
	             "Protects the traffic of a management group and its RunAs credentials. Each command "
	             "takes\n.B \\-c "
	             "FILE\nfor another configuration than /etc/claviger/clavigerd.conf.\n.SH COMMANDS\n");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		item(rows[i].usage, rows[i].help);
	(void)printf(
	    ".SH CONFIGURATION\nLines of\n.I option = value\nunder\n.IR [section] ;\n# begins a comment.\n");
	for (const struct conf_option *o = node_options; o->section; o++) {
		if (strcmp(o->section, section) != 0) {
			(void)printf(".SS [");
			roff(o->section);
			(void)printf("]\n");
		}
		section = o->section;
		option_row(o);
	}
	(void)printf(".SH EXIT STATUS\n");
	item("0", "done");
	item("1", "failed");
	item("2", "the command line or the configuration is wrong");
	(void)printf(".SH FILES\n");
	item("/etc/claviger/clavigerd.conf", "the configuration");
	item("/var/lib/claviger", "all state");
	item("/etc/claviger/machine.secret", "opens the vault, where a file does");
	(void)printf(".SH SEE ALSO\n.BR claviger (1)\n");
	return fflush(stdout) == 0 ? 0 : 1;
}
