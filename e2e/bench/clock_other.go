//go:build !linux

package main

import (
	"errors"
	"time"
)

// cpuOf needs a clock of another process, which only Linux has like this.
func cpuOf(int) time.Duration {
	check(errors.New("this benchmark needs Linux"))
	return 0
}
