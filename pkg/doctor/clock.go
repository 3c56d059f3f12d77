package doctor

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// maxSkew is how far two clocks may be apart: the leeway with which ID tokens
// are judged.
const maxSkew = 60 * time.Second

const ntp = "set the clock by NTP, on the side that is wrong"

// clock compares ours with that of whoever answers.
type clock struct {
	now func() time.Time

	mu   sync.Mutex
	seen bool
	skew time.Duration // the other's, ahead of ours; the largest one
}

// saw notes a Date header that was written about when our clock showed at.
func (c *clock) saw(date, at time.Time) {
	if date.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if skew := date.Sub(at); !c.seen || skew.Abs() > c.skew.Abs() {
		c.seen, c.skew = true, skew
	}
}

// sawHeader is saw for an answer that took from began until now.
func (c *clock) sawHeader(h http.Header, began time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if err == nil {
		c.saw(date, began.Add(c.now().Sub(began)/2))
	}
}

// finding judges the difference. strict says that the provider's ID tokens are
// judged by this very clock.
func (c *clock) finding(strict bool) Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch apart := c.skew.Abs().Round(time.Second); {
	case !c.seen:
		return Finding{ID: "clock", Level: Unchecked, What: "no answer of the provider carries a date to compare the clock with", Do: "compare this clock with another one"}
	case apart <= maxSkew:
		return Finding{ID: "clock", Level: OK, What: fmt.Sprintf("%v from the provider's", apart)}
	case c.skew > 0 && strict:
		return Finding{"clock", Problem, fmt.Sprintf("this machine's clock is %v behind the provider's", apart),
			"an ID token that is from the future by more than 60 s is refused, so every login fails", ntp}
	default:
		how := "ahead of"
		if c.skew > 0 {
			how = "behind"
		}
		return Finding{"clock", Warning, fmt.Sprintf("this machine's clock is %v %s the provider's", apart, how),
			"ID tokens and expiry times are judged with 60 s of leeway", ntp}
	}
}
