//go:build !linux

package stack

import "syscall"

// withParent does nothing where no parent-death signal exists: there a
// bootstrap ends by itself when it finds its Runtime API gone.
func withParent() *syscall.SysProcAttr { return nil }
