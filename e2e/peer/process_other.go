//go:build !linux

package peer

import (
	"os"
	"syscall"
)

// ownGroup changes nothing where no parent-death signal exists; there the end
// of standard input is what ends our programs.
func ownGroup() *syscall.SysProcAttr { return nil }

// killGroup kills the program alone.
func killGroup(p *os.Process) { _ = p.Kill() }
