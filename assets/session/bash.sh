# Runs a block of a page in bash as part of a session: with the variables, functions and the folder of the blocks before,
# which it leaves for those behind. Arguments: the session's folder, the block. See src/adapter/process/session.rs.
opsroom_folder=$1 opsroom_block=$2
set --
for opsroom_name in $(compgen -A export); do
    printf -v "opsroom_was_$opsroom_name" %s "${!opsroom_name}"
done
opsroom_functions=" $(compgen -A function | tr '\n' ' ') "
[ ! -r "$opsroom_folder/bash" ] || . "$opsroom_folder/bash"
[ ! -r "$opsroom_folder/at" ] || cd -- "$(cat -- "$opsroom_folder/at")" || exit 1

# Sets opsroom_out: a value with secrets as references, for the shell to read again.
opsroom_quote() {
    local opsroom_rest=$1 opsroom_secret opsroom_found opsroom_part
    opsroom_out=
    while :; do
        opsroom_found= opsroom_part=$opsroom_rest
        for opsroom_secret in ${!OPSROOM_SECRET_@}; do
            [ -n "${!opsroom_secret}" ] || continue
            case $opsroom_part in
                *"${!opsroom_secret}"*)
                    opsroom_part=${opsroom_part%%"${!opsroom_secret}"*} opsroom_found=$opsroom_secret
                    ;;
            esac
        done
        [ -z "$opsroom_part" ] || printf -v opsroom_out '%s%q' "$opsroom_out" "$opsroom_part"
        [ -n "$opsroom_found" ] || break
        opsroom_out="$opsroom_out\"\$$opsroom_found\""
        opsroom_rest=${opsroom_rest#"$opsroom_part"}
        opsroom_rest=${opsroom_rest#"${!opsroom_found}"}
    done
    [ -n "$opsroom_out" ] || opsroom_out="''"
}

# Prints an array: its kind, its name.
opsroom_array() {
    local opsroom_keys opsroom_key opsroom_value
    eval "opsroom_keys=(\"\${!$2[@]}\")"
    printf 'declare %s %s=(' "$1" "$2"
    for opsroom_key in "${opsroom_keys[@]}"; do
        eval "opsroom_value=\${$2[\$opsroom_key]}"
        opsroom_quote "$opsroom_key"
        printf '[%s]=' "$opsroom_out"
        opsroom_quote "$opsroom_value"
        printf '%s ' "$opsroom_out"
    done
    printf ')\n'
}

opsroom_keep() {
    local IFS=$' \t\n' opsroom_name opsroom_was opsroom_kind
    for opsroom_name in $(compgen -A variable); do
        case $opsroom_name in
            opsroom_* | OPSROOM_* | BASH* | COMP_* | DIRSTACK | EPOCH* | EUID | FUNCNAME | GROUPS | HISTCMD | HOSTNAME | \
                HOSTTYPE | IFS | LINENO | MACHTYPE | OPTARG | OPTERR | OPTIND | OSTYPE | PIPESTATUS | PPID | PS4 | PWD | \
                OLDPWD | RANDOM | SECONDS | SHELLOPTS | SHLVL | SRANDOM | UID | _) continue ;;
        esac
        opsroom_kind=$(declare -p "$opsroom_name" 2>/dev/null) || continue
        opsroom_kind=${opsroom_kind#declare } opsroom_kind=${opsroom_kind%% *}
        case $opsroom_kind in
            *[aA]*) opsroom_array "$opsroom_kind" "$opsroom_name" ;;
            *)
                opsroom_was=opsroom_was_$opsroom_name
                [ "${!opsroom_was+x}" != x ] || [ "${!opsroom_was}" != "${!opsroom_name}" ] || continue
                opsroom_quote "${!opsroom_name}"
                printf 'declare %s %s=%s\n' "$opsroom_kind" "$opsroom_name" "$opsroom_out"
                ;;
        esac
    done
    for opsroom_name in $(compgen -A function); do
        case "$opsroom_name$opsroom_functions" in
            opsroom_* | *" $opsroom_name "*) ;;
            *) declare -f "$opsroom_name" ;;
        esac
    done
}

# Leaves the state for the blocks behind, when the block ended well: its code.
opsroom_end() {
    [ "$1" -eq 0 ] || return 0
    umask 077
    opsroom_keep >"$opsroom_folder/bash.new" && mv -f -- "$opsroom_folder/bash.new" "$opsroom_folder/bash"
    pwd >"$opsroom_folder/at"
}

trap 'opsroom_code=$?
trap - EXIT
set +eux
opsroom_end "$opsroom_code"' EXIT
eval "$opsroom_block"
# The block may have set a trap of its own, which runs at the exit instead of the one above.
opsroom_code=$?
set +eux
case $(trap -p EXIT) in *'opsroom_end "$opsroom_code"'*) ;; *) opsroom_end "$opsroom_code" ;; esac
exit "$opsroom_code"
