# Prints the targets of a Makefile: `##@ group` starts a group, `target: ... ## sentence` is one entry.
/^##@ / { printf "%s%s\n", (groups++ ? "\n" : ""), substr($0, 5) }
/^[a-z][a-z-]*:.*## / {
    name = $0; sub(/:.*/, "", name)
    text = $0; sub(/^.*## /, "", text)
    printf "  make %-18s %s\n", name, text
}
