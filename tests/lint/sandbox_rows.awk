BEGIN { print "/* generated from share/doc/processes.md */" }
