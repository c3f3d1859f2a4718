module handover-benches

go 1.24
