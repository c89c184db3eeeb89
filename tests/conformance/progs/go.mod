// SPDX-License-Identifier: Apache-2.0
module gauntlet.invalid/progs

go 1.23
