# Runs a block of a page in a shell that cannot list its variables with their kinds: those of the given names are kept,
# and the folder. Arguments: the session's folder, the block, the names. See src/adapter/process/session.rs.
opsroom_folder=$1 opsroom_block=$2
shift 2
opsroom_names=$*
set --
[ ! -r "$opsroom_folder/sh" ] || . "$opsroom_folder/sh"
[ ! -r "$opsroom_folder/at" ] || cd -- "$(cat -- "$opsroom_folder/at")" || exit 1

opsroom_keep() {
    opsroom_exported=$(export -p)
    for opsroom_name in $opsroom_names; do
        eval "opsroom_set=\${$opsroom_name+x} opsroom_value=\${$opsroom_name-}"
        [ -n "$opsroom_set" ] || continue
        printf "%s='" "$opsroom_name"
        while :; do
            case $opsroom_value in
                *\'*) printf "%s'\\\\''" "${opsroom_value%%\'*}"; opsroom_value=${opsroom_value#*\'} ;;
                *) break ;;
            esac
        done
        printf "%s'\n" "$opsroom_value"
        case "
$opsroom_exported" in
            *"
export $opsroom_name="*) printf 'export %s\n' "$opsroom_name" ;;
        esac
    done
}

trap 'opsroom_code=$?
trap - EXIT
set +eux
if [ "$opsroom_code" -eq 0 ]; then
    umask 077
    opsroom_keep >"$opsroom_folder/sh.new" && mv -f -- "$opsroom_folder/sh.new" "$opsroom_folder/sh"
    pwd >"$opsroom_folder/at"
fi' EXIT
eval "$opsroom_block"
