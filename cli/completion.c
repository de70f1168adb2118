/*
 * pvferry completion: what bash and zsh need to complete pvferry's commands, options, values and operands. Made of
 * the table of commands and of the rows of text/options.c, so a new option is completed without a change here.
 *
 * A value or an operand is completed by a "kind": @files, @directories, @domains, @jobs, @hosts, @none, or words.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

/* What an option's value can be. */
static const char *kind_of_value(const struct option_row *row)
{
	switch (row->type) {
	case TAKES_FILE: return "@files";
	case TAKES_DIRECTORY: return "@directories";
	default: return row->words ? row->words : "@none";
	}
}

/* The operand as --help has it: "[HOST]", "FILE|-", "init-ca|issue", "NAME=N...". */
static const char *kind_of_operand(const char *operand, size_t length, char words[256])
{
	static const struct {
		const char *name, *kind;
	} kinds[] = {
		{ "DOMAIN", "@domains" }, { "JOB", "@jobs" }, { "HOST", "@hosts" }, { "DIR", "@directories" }
	};
	const struct option_row *row = NULL;
	size_t n = 0;

	if (*operand == '[') {
		operand++;
		length -= 2;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strlen(kinds[i].name) == length && !memcmp(kinds[i].name, operand, length))
			return kinds[i].kind;
	*words = '\0';
	if (length > 5 && !memcmp(operand, "NAME=", 5))
		while ((row = option_of_request(row, "set")) && n < 200)
			n += row->type == TAKES_NUMBER ? snprintf(words + n, 256 - n, "%s= ", row->name) : 0;
	else if (islower((unsigned char)*operand) && length < 256)
		for (; n < length; n++)
			snprintf(words + n, 2, "%c", operand[n] == '|' ? ' ' : operand[n]);
	return *words ? words : "@files";
}

/* The next operand of the list, whose words have blanks between them; 0: there is no more. */
static size_t next_operand(const char **at, size_t length)
{
	*at += length;
	*at += strspn(*at, " ");
	return strcspn(*at, " ");
}

static bool is_repeated(const char *operand, size_t length)
{
	return length > 3 && !memcmp(operand + length - 3, "...", 3);
}

/* --- bash -------------------------------------------------------------------------------- */

static const char bash_head[] =
	"# bash completion for pvferry, made by \"pvferry completion bash\".\n"
	"_pvferry_complete() # KIND\n"
	"{\n"
	"	local cur=$_pvferry_cur\n"
	"	case $1 in\n"
	"	@files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") "
	";;\n"
	"	@directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "
	"\"$cur\") ;;\n"
	"	@hosts) mapfile -t COMPREPLY < <(compgen -A hostname -- \"$cur\") ;;\n"
	"	@domains) mapfile -t COMPREPLY < <(compgen -W \"$(pvferry list --json 2>/dev/null |\n"
	"		sed -n 's/^ *\"domain\": *\"\\([^\"]*\\)\".*/\\1/p')\" -- \"$cur\") ;;\n"
	"	@jobs) mapfile -t COMPREPLY < <(compgen -W \"$(pvferry jobs --json 2>/dev/null |\n"
	"		sed -n 's/^ *\"job\": *\"\\([^\"]*\\)\".*/\\1/p')\" -- \"$cur\") ;;\n"
	"	@none) ;;\n"
	"	*) mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\") ;;\n"
	"	esac\n"
	"	[[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null\n"
	"}\n";

static const char bash_tail[] =
	"_pvferry()\n"
	"{\n"
	"	local i word kind command= operand=0 previous=\n"
	"	_pvferry_cur=${COMP_WORDS[COMP_CWORD]} COMPREPLY=()\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		word=${COMP_WORDS[i]}\n"
	"		if [[ $word != -* ]]; then\n"
	"			if [ -z \"$command\" ]; then command=$word; else operand=$((operand + 1)); "
	"fi\n"
	"		elif kind=$(_pvferry_value \"$command $word\"); then\n"
	"			previous=$kind\n"
	"			# bash makes three words of --level=9.\n"
	"			[ \"${COMP_WORDS[i + 1]}\" != = ] || i=$((i + 1))\n"
	"			i=$((i + 1))\n"
	"		fi\n"
	"	done\n"
	"	[ \"$_pvferry_cur\" != = ] || _pvferry_cur=\n"
	"	if ((i > COMP_CWORD)); then\n"
	"		_pvferry_complete \"$previous\"\n"
	"	elif [ -z \"$command\" ]; then\n"
	"		_pvferry_complete \"$_pvferry_commands --help --version\"\n"
	"	elif [[ $_pvferry_cur == -* ]]; then\n"
	"		_pvferry_complete \"$(_pvferry_options \"$command\")\"\n"
	"	else\n"
	"		_pvferry_complete \"$(_pvferry_operand \"$command $operand\")\"\n"
	"	fi\n"
	"}\n"
	"complete -F _pvferry pvferry\n";

static void print_bash_options(void)
{
	printf("_pvferry_options() # COMMAND\n{\n\tcase $1 in\n");
	for (unsigned int i = 0; i < command_count; i++) {
		printf("\t%s) echo \"", commands[i].name);
		for (const struct option_row *row = NULL; (row = option_of_command(row, commands[i].name));) {
			if (row->letter)
				printf("-%c ", row->letter);
			printf("--%s ", row->name);
		}
		printf("\" ;;\n");
	}
	printf("\tesac\n}\n");
}

static void print_bash_values(void)
{
	printf("_pvferry_value() # \"COMMAND OPTION\": false if it takes no value\n{\n\tcase $1 in\n");
	for (unsigned int i = 0; i < command_count; i++)
		for (const struct option_row *row = NULL; (row = option_of_command(row, commands[i].name));)
			if (row->type != TAKES_NOTHING)
				printf("\t\"%s --%s\") echo \"%s\" ;;\n", commands[i].name, row->name,
				       kind_of_value(row));
	printf("\t*) return 1 ;;\n\tesac\n}\n");
}

static void print_bash_operands(void)
{
	char words[256];

	printf("_pvferry_operand() # \"COMMAND NUMBER\"\n{\n\tcase $1 in\n");
	for (unsigned int i = 0; i < command_count; i++) {
		const char *at = commands[i].operands;
		size_t length = next_operand(&at, 0);

		for (int number = 0; length; number++, length = next_operand(&at, length))
			if (is_repeated(at, length))
				printf("\t\"%s \"*) echo \"%s\" ;;\n", commands[i].name,
				       kind_of_operand(at, length, words));
			else
				printf("\t\"%s %d\") echo \"%s\" ;;\n", commands[i].name, number,
				       kind_of_operand(at, length, words));
	}
	printf("\t*) echo @none ;;\n\tesac\n}\n");
}

static void print_bash(void)
{
	fputs(bash_head, stdout);
	printf("_pvferry_commands=\"");
	for (unsigned int i = 0; i < command_count; i++)
		printf("%s%s", i ? " " : "", commands[i].name);
	printf("\"\n");
	print_bash_options();
	print_bash_values();
	print_bash_operands();
	fputs(bash_tail, stdout);
}

/* --- zsh --------------------------------------------------------------------------------- */

static const char zsh_head[] = "#compdef pvferry\n"
			       "# zsh completion for pvferry, made by \"pvferry completion zsh\".\n"
			       "_pvferry_domains() {\n"
			       "	local -a names\n"
			       "	names=(${(f)\"$(pvferry list --json 2>/dev/null |\n"
			       "		sed -n 's/^ *\"domain\": *\"\\([^\"]*\\)\".*/\\1/p')\"})\n"
			       "	compadd -a names\n"
			       "}\n"
			       "_pvferry_jobs() {\n"
			       "	local -a names\n"
			       "	names=(${(f)\"$(pvferry jobs --json 2>/dev/null |\n"
			       "		sed -n 's/^ *\"job\": *\"\\([^\"]*\\)\".*/\\1/p')\"})\n"
			       "	compadd -a names\n"
			       "}\n";

/* An action of _arguments. */
static void print_zsh_action(const char *kind)
{
	if (!strcmp(kind, "@files"))
		printf("_files");
	else if (!strcmp(kind, "@directories"))
		printf("_files -/");
	else if (!strcmp(kind, "@none"))
		printf(" ");
	else if (strchr(kind, '='))
		printf("compadd -S \"\" -- %s", kind);
	else if (*kind == '@')
		printf("%s%s", strcmp(kind, "@hosts") ? "_pvferry_" : "_", kind + 1);
	else
		printf("(%s)", kind);
}

/* Inside '[...]' of _arguments. */
static void print_zsh_text(const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			printf("'\\''");
		else
			printf(strchr("[]:\\", *text) ? "\\%c" : "%c", *text);
}

static void print_zsh_option(const struct option_row *row)
{
	bool takes_value = row->type != TAKES_NOTHING;

	printf("\t\t\t");
	if (row->letter)
		printf("'(-%c --%s)'{-%c%s,--%s%s}'[", row->letter, row->name, row->letter,
		       takes_value ? "+" : "", row->name, takes_value ? "=" : "");
	else
		printf("'--%s%s[", row->name, takes_value ? "=" : "");
	print_zsh_text(row->help);
	printf("]");
	if (takes_value) {
		printf(":%s:", row->value);
		print_zsh_action(kind_of_value(row));
	}
	printf("' \\\n");
}

static void print_zsh_command(const struct command *command)
{
	const char *at = command->operands;
	size_t length = next_operand(&at, 0);
	char words[256];

	printf("\t\t%s)\n\t\t\t_arguments \\\n", command->name);
	for (const struct option_row *row = NULL; (row = option_of_command(row, command->name));)
		print_zsh_option(row);
	for (; length; length = next_operand(&at, length)) {
		printf("\t\t\t'%s:%.*s:",
		       is_repeated(at, length) ? "*"
		       : *at == '['	       ? ":"
					       : "",
		       (int)length, at);
		print_zsh_action(kind_of_operand(at, length, words));
		printf("' \\\n");
	}
	printf("\t\t\t&& return ;;\n");
}

static void print_zsh(void)
{
	fputs(zsh_head, stdout);
	printf("_pvferry() {\n\tlocal context state state_descr line\n\ttypeset -A opt_args\n"
	       "\tlocal -a commands\n\tcommands=(\n");
	for (unsigned int i = 0; i < command_count; i++) {
		printf("\t\t'%s:", commands[i].name);
		print_zsh_text(commands[i].summary);
		printf("'\n");
	}
	printf("\t)\n\t_arguments -C '1:command:->command' '*::operand:->rest' && return\n"
	       "\tcase $state in\n\tcommand) _describe command commands ;;\n"
	       "\trest)\n\t\tcase $words[1] in\n");
	for (unsigned int i = 0; i < command_count; i++)
		print_zsh_command(&commands[i]);
	printf("\t\tesac ;;\n\tesac\n}\n"
	       "[[ $funcstack[1] = _pvferry ]] && _pvferry \"$@\" || compdef _pvferry pvferry\n");
}

int run_completion(const struct command *self, int argc, char **argv)
{
	int first = command_options(self, argc, argv, NULL, NULL);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1 || option_word("bash zsh", argv[first]) < 0)
		return say_usage(self, "takes the name of a shell, bash or zsh");
	if (!strcmp(argv[first], "bash"))
		print_bash();
	else
		print_zsh();
	return EXIT_DONE;
}
