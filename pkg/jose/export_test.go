package jose

// Derive is derive, so that a test can make the first bytes unusable.
var Derive = derive
