# Runs a block of a page in a shell that cannot list its variables with their kinds: those of the given names are kept,
# and the folder. Arguments: the session's folder, the block, the names. See src/adapter/process/session.rs.
opsroom_folder=$1 opsroom_block=$2
shift 2
opsroom_names=$*
set --
[ ! -r "$opsroom_folder/sh" ] || . "$opsroom_folder/sh"
[ ! -r "$opsroom_folder/at" ] || cd -- "$(cat -- "$opsroom_folder/at")" || exit 1

# Prints a text in quotes.
opsroom_quote() {
    opsroom_text=$1
    printf "'"
    while :; do
        case $opsroom_text in
            *\'*) printf "%s'\\\\''" "${opsroom_text%%\'*}"; opsroom_text=${opsroom_text#*\'} ;;
            *) break ;;
        esac
    done
    printf "%s'" "$opsroom_text"
}

# Prints a value with secrets as references, for the shell to read again.
opsroom_value() {
    opsroom_rest=$1
    while :; do
        opsroom_found= opsroom_part=$opsroom_rest
        for opsroom_name in $opsroom_secrets; do
            eval "opsroom_secret=\${$opsroom_name-}"
            [ -n "$opsroom_secret" ] || continue
            case $opsroom_part in
                *"$opsroom_secret"*) opsroom_part=${opsroom_part%%"$opsroom_secret"*} opsroom_found=$opsroom_name ;;
            esac
        done
        opsroom_quote "$opsroom_part"
        [ -n "$opsroom_found" ] || break
        printf '"$%s"' "$opsroom_found"
        eval "opsroom_secret=\$$opsroom_found"
        opsroom_rest=${opsroom_rest#"$opsroom_part"}
        opsroom_rest=${opsroom_rest#"$opsroom_secret"}
    done
}

opsroom_keep() {
    unset IFS
    opsroom_exported=$(export -p)
    opsroom_secrets=$(env | sed -n 's/^\(OPSROOM_SECRET_[A-Za-z0-9_]*\)=.*/\1/p')
    for opsroom_kept in $opsroom_names; do
        eval "opsroom_set=\${$opsroom_kept+x} opsroom_is=\${$opsroom_kept-}"
        [ -n "$opsroom_set" ] || continue
        printf '%s=' "$opsroom_kept"
        opsroom_value "$opsroom_is"
        echo
        case "
$opsroom_exported" in
            *"
export $opsroom_kept="*) printf 'export %s\n' "$opsroom_kept" ;;
        esac
    done
}

# Leaves the state for the blocks behind, when the block ended well: its code.
opsroom_end() {
    [ "$1" -eq 0 ] || return 0
    umask 077
    opsroom_keep >"$opsroom_folder/sh.new" && mv -f -- "$opsroom_folder/sh.new" "$opsroom_folder/sh"
    pwd >"$opsroom_folder/at"
}

trap 'opsroom_code=$?
trap - EXIT
set +eux
opsroom_end "$opsroom_code"' EXIT
eval "$opsroom_block"
# The block may have set a trap of its own, which runs at the exit instead of the one above: it is kept here already.
opsroom_code=$?
set +eux
opsroom_end "$opsroom_code"
exit "$opsroom_code"
