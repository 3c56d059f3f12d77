package grant

// Payload and OpenPayload are what Seal encrypts, and how Open reads it.
func Payload(g Grant) []byte { return g.encode() }

func OpenPayload(b []byte) (Grant, error) {
	var g Grant
	err := g.decode(b)
	return g, err
}
