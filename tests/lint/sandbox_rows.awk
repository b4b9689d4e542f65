# Makes the system call rows from the table in share/doc/processes.md: lines
# | process | uid | files | descriptors | system calls |
BEGIN {
	FS = "|"
	print "/* Generated from share/doc/processes.md: change that table, not this file. */"
	print "struct sandbox_row {\n\tconst char *process;\n\tconst char *calls;\n};"
	print "static const struct sandbox_row sandbox_rows[] = {"
}
NF == 7 && $2 ~ /`/ {
	name = $2; calls = $6
	gsub(/[` ]/, "", name)
	gsub(/`/, "", calls)
	gsub(/^ +| +$/, "", calls)
	gsub(/ +/, " ", calls)
	printf "    {\"%s\", \"%s\"},\n", name, calls
	n++
}
END {
	print "    {0, 0},\n};"
	if (n < 6) exit 1
}
