# fish completion of wherry: wherry completion fish | source
function __wherry_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l kind
    for line in ($words[1] __complete -- $words[2..] 2>/dev/null)
        switch $line
            case ':*'
                set kind $line
            case '*'
                echo $line
        end
    end
    switch "$kind"
        case :files
            __fish_complete_path (commandline -ct)
        case :dirs
            __fish_complete_directories (commandline -ct)
    end
end
complete -c wherry -f -a '(__wherry_complete)'
