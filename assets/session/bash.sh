# Runs a block of a page in bash as part of a session: with the variables, functions and the folder of the blocks before,
# which it leaves for those behind. Arguments: the session's folder, the block. See src/adapter/process/session.rs.
opsroom_folder=$1 opsroom_block=$2
shift 2
for opsroom_name in $(compgen -A export); do
    printf -v "opsroom_was_$opsroom_name" %s "${!opsroom_name}"
done
opsroom_functions=" $(compgen -A function | tr '\n' ' ') "
[ ! -r "$opsroom_folder/bash" ] || . "$opsroom_folder/bash"
[ ! -r "$opsroom_folder/at" ] || cd -- "$(cat -- "$opsroom_folder/at")" || exit 1

# The value of a variable with secrets as references, for the shell to read again.
opsroom_quoted() {
    local rest=$1 secret value part out=
    while :; do
        value= part=$rest
        for secret in ${!OPSROOM_SECRET_@}; do
            [ -n "${!secret}" ] || continue
            case $part in *"${!secret}"*) part=${part%%"${!secret}"*} value=$secret ;; esac
        done
        [ -z "$part" ] || printf -v out '%s%q' "$out" "$part"
        [ -n "$value" ] || break
        out="$out\"\$$value\""
        rest=${rest#"$part"}
        rest=${rest#"${!value}"}
    done
    [ -n "$out" ] || out="''"
    printf '%s' "$out"
}

opsroom_keep() {
    local name was kind
    for name in $(compgen -A variable); do
        case $name in
            opsroom_* | OPSROOM_* | BASH* | COMP_* | DIRSTACK | EPOCH* | EUID | FUNCNAME | GROUPS | HISTCMD | HOSTNAME | \
                HOSTTYPE | IFS | LINENO | MACHTYPE | OPTARG | OPTERR | OPTIND | OSTYPE | PIPESTATUS | PPID | PS4 | PWD | \
                OLDPWD | RANDOM | SECONDS | SHELLOPTS | SHLVL | SRANDOM | UID | _ | name | was | kind) continue ;;
        esac
        kind=$(declare -p "$name" 2>/dev/null) || continue
        kind=${kind#declare } kind=${kind%% *}
        case $kind in
            *[aA]*) declare -p "$name" ;;
            *)
                was=opsroom_was_$name
                [ "${!was+x}" != x ] || [ "${!was}" != "${!name}" ] || continue
                printf 'declare %s %s=%s\n' "$kind" "$name" "$(opsroom_quoted "${!name}")"
                ;;
        esac
    done
    for name in $(compgen -A function); do
        case "$name$opsroom_functions" in opsroom_* | *" $name "*) ;; *) declare -f "$name" ;; esac
    done
}

trap 'opsroom_code=$?
trap - EXIT
set +eux
if [ "$opsroom_code" -eq 0 ]; then
    umask 077
    opsroom_keep >"$opsroom_folder/bash.new" && mv -f -- "$opsroom_folder/bash.new" "$opsroom_folder/bash"
    pwd >"$opsroom_folder/at"
fi' EXIT
eval "$opsroom_block"
