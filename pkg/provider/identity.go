package provider

// Identity is who signed in, from a verified ID token (OpenID Connect Core
// §2, §5.1) or from the userinfo endpoint (§5.3). A subject means something
// together with its issuer only.
type Identity struct {
	Issuer  string // empty when the provider has none
	Subject string // never empty; unique within the issuer
	Name    string
	Email   string
	// Raw is the whole claim set as JSON.
	Raw []byte
}
