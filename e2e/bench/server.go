package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// measured is one row of the table.
type measured struct {
	what, ours, theirs, ratio, limit string
	broken                           bool
}

// benchServer compares our token endpoint with npm oidc-provider, each in one
// process on one core, and prints the table of the README: processor time of
// whole requests over HTTP, client authentication and PKCE included.
//
//	go run ./e2e/bench server [-n 2000] [-turns 5] [-check]
func benchServer(args []string) {
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	n := flags.Int("n", 2000, "requests of each kind and turn")
	times := flags.Int("turns", 5, "turns of each program")
	enforce := flags.Bool("check", false, "exit with 1 when a limit is broken")
	kept := flags.Int("grants", 100_000, "grants that are there when the cost of a refresh is compared")
	check(flags.Parse(args))

	dir, err := os.MkdirTemp("", "latchkey-bench")
	check(err)
	defer os.RemoveAll(dir)
	server := build(dir, "./e2e/bench/ourserver")

	var rows []measured
	for _, kind := range []struct {
		tokens, name string
		limit        float64
	}{
		{"opaque", "opaque tokens", 6},
		{"id_token", "one ES256 signature, an ID token", 4},
		{"jwt", "one ES256 signature, an access token", 4},
	} {
		rows = append(rows, duel(server, kind.tokens, kind.name, kind.limit, *n, *times)...)
	}
	rows = append(rows, flatness(server, *n, *times, *kept), metadataSize(dir, "./functions/metadata"))
	fmt.Printf("\n| | Latchkey | oidc-provider | ratio | at most |\n|---|---|---|---|---|\n")
	broken := false
	for _, r := range rows {
		fmt.Printf("| %s | %s | %s | %s | %s |\n", r.what, r.ours, r.theirs, r.ratio, r.limit)
		broken = broken || r.broken
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("\nGo %s, %s/%s, load %s\n", strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH, strings.TrimSpace(string(load)))
	}
	if broken {
		fmt.Println("\na limit is broken")
		if *enforce {
			_ = os.RemoveAll(dir)
			os.Exit(1)
		}
	}
}

// parts are what a turn is cut into: the servers alternate after each, so that
// both meet the same neighbours on this machine.
const parts = 20

// duel lets both servers take turns. The first turn warms them up and does not
// count.
func duel(server, tokens, name string, limit float64, n, times int) []measured {
	ours := startRival(tokens, server)
	defer ours.stop()
	theirs := startRival(tokens, "node", "--expose-gc", filepath.Join("e2e", "peer", "bench_oidc_provider.mjs"))
	defer theirs.stop()
	sides := []*rival{ours, theirs}
	var exchange, refresh match
	for turn := range times + 1 {
		var given [2][]string
		for side, r := range sides {
			given[side] = r.seed(n)
		}
		for i, m := range []*match{&exchange, &refresh} {
			var spent [2]time.Duration
			for part := range parts {
				for side, r := range sides {
					some := given[side][part*n/parts : (part+1)*n/parts]
					var next []string
					var each time.Duration
					if i == 0 {
						next, each = r.exchange(some)
					} else {
						next, each = r.refresh(some, 1)
					}
					copy(some, next)
					spent[side] += each / parts
				}
			}
			if turn > 0 {
				m.add(spent)
			}
		}
	}
	return []measured{
		exchange.row("code exchange, "+name, limit),
		refresh.row("refresh, "+name, limit),
	}
}

// match is what turns of two servers cost.
type match struct {
	cost   [2][]time.Duration
	ratios []float64 // the second's by the first's, turn by turn
}

func (m *match) add(spent [2]time.Duration) {
	m.cost[0], m.cost[1] = append(m.cost[0], spent[0]), append(m.cost[1], spent[1])
	m.ratios = append(m.ratios, ratio(spent[1], spent[0]))
}

// medians prints the turns and returns the median of each server's and of the
// ratios.
func (m *match) medians(what string) (time.Duration, time.Duration, float64) {
	slices.Sort(m.ratios)
	fmt.Printf("%s: turns %s and %s; ratios %.2f\n", what, spread(m.cost[0]), spread(m.cost[1]), m.ratios)
	return median(m.cost[0]), median(m.cost[1]), m.ratios[len(m.ratios)/2]
}

func (m *match) row(what string, limit float64) measured {
	a, b, r := m.medians(what)
	return measured{what, micros(a), micros(b), fmt.Sprintf("1/%.1f", r), fmt.Sprintf("1/%.0f", limit), r < limit}
}

// flatness is the cost of a refresh next to many grants, compared with the
// same in a server that has only the grants that are refreshed.
func flatness(server string, n, times, kept int) measured {
	const most = 1.10
	few, many := startRival("opaque", server), startRival("opaque", server)
	defer few.stop()
	defer many.stop()
	many.seed(kept)
	sides := []*rival{few, many}
	var chains [2][]string
	for side, r := range sides {
		chains[side], _ = r.exchange(r.seed(connections))
	}
	var refresh match
	for turn := range times + 1 {
		// Garbage collections of a large heap are rare and count: many requests.
		var spent [2]time.Duration
		for range parts {
			for side, r := range sides {
				var each time.Duration
				chains[side], each = r.refresh(chains[side], max(1, n/(4*connections)))
				spent[side] += each / parts
			}
		}
		if turn > 0 {
			refresh.add(spent)
		}
	}
	what := fmt.Sprintf("refresh with %d other grants, next to one with none", kept)
	a, b, r := refresh.medians(what)
	return measured{what, micros(b) + ", " + micros(a), "", fmt.Sprintf("%.2f", r), fmt.Sprintf("%.2f", most), r > most}
}

func spread(d []time.Duration) string {
	return fmt.Sprintf("%s to %s", micros(slices.Min(d)), micros(slices.Max(d)))
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
}
