package stack

import "syscall"

// withParent has the kernel end a bootstrap when the test binary dies. An idle
// one would end by itself, as its Runtime API is gone; a busy one would not.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
