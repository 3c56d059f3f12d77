package awssecret

// Reading is a reading, for tests of its own.
type Reading = reading[string]

var (
	// Get is its method.
	Get      = (*Reading).get
	MaxStale = maxStale
	MinAge   = minAge
	Timeout  = timeout
)
