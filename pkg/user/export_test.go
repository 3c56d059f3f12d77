package user

// Working has a place for each hash that may be computed at once.
var Working = working
