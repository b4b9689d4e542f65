# Rooms and floors (design 2). Each room with what it may include; the middle rooms among themselves
# only along the short acyclic list: runas -> keys, trace -> keys, store -> model, channel -> proto,
# keys -> proto, and everybody the generated structs of share/proto.
BEGIN {
	may["include"] = "include"
	may["base"] = "base include"
	may["proto"] = "proto base include"
	may["channel"] = "channel proto base include"
	may["keys"] = "keys proto base include"
	may["vault"] = "vault proto base include"
	may["runas"] = "runas keys proto base include"
	may["trace"] = "trace keys proto base include"
	may["model"] = "model proto base include"
	may["store"] = "store model proto base include"
	may["client"] = "client proto channel keys vault runas trace model store base include"
	may["daemon"] = "daemon proto channel keys vault runas trace model store base include"
	may["views"] = "views include"
	may["console"] = "console views include"
	split("curses ncurses term.h openssl sqlite3 libssh2 gssapi krb5 uv.h expat protobuf-c", foreign, " ")
}
FNR == 1 {
	n = split(FILENAME, part, "/")
	room = part[1]
	if (room == "backend")
		room = part[2]
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, q, "\"")
	target = q[2]
	split(target, t, "/")
	to = t[1]
	if (to == "claviger")
		to = "include"
	if (target ~ /\.pb-c\.h$/) # the structs: for every room of the middle and above, behind proto
		to = (room == "views" || room == "console" || room == "include" || room == "base") ? "the generated structs" : room
	if (target == "sandbox_rows.h")
		to = "base"
	if (to == "backend" || to == "tests" || index(" " may[room] " ", " " to " ") == 0)
		print FILENAME ":" FNR ": the room " room " may not include " target
}
/^[ \t]*#[ \t]*include[ \t]*</ {
	split($0, q, /[<>]/)
	target = q[2]
	if (room == "include" && target !~ /^(std[a-z]*|limits|inttypes|time)\.h$/)
		print FILENAME ":" FNR ": the public face may include the C library's own types only, not " target
	if (room != "views" && room != "console")
		next
	for (i in foreign) {
		if (index(target, foreign[i]) != 1)
			continue
		if (foreign[i] ~ /^(curses|ncurses|term\.h)$/ && FILENAME ~ /^console\/term[a-z_]*\.c$/)
			continue
		if (foreign[i] == "libssh2" && FILENAME ~ /^console\/ssh_[a-z_]*\.[ch]$/)
			continue
		print FILENAME ":" FNR ": " room " may not include " target
	}
}
