module gauntlet/peers/go

go 1.19
