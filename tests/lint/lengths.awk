# Files over 600 lines and functions over 100 (or `soft`). A function's body lies between a brace in
# the first column and the next one there; tables begin on the line of their name and do not count.
BEGIN { if (!soft) soft = 100 }
function close_file() {
	if (file != "" && lines > 600)
		print "file", file, "-", lines
}
FNR == 1 { close_file(); file = FILENAME; head = ""; inside = 0 }
{ lines = FNR }
/^[A-Za-z_].*\(/ && !/;[ \t]*$/ && !/^#/ { head = $0 }
/^\{/ { inside = FNR }
/^\}/ && inside {
	if (FNR - inside + 1 > soft) {
		name = head
		sub(/\(.*/, "", name)
		sub(/.*[ *]/, "", name)
		print "function", FILENAME, name, FNR - inside + 1
	}
	inside = 0
}
END { close_file() }
