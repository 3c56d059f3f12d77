package memory

// slab keeps byte strings in a few large pages. The garbage collector marks
// each piece of memory that something refers to; these are one piece per
// hundred strings, and it need not look into them.
//
// What is dropped is used again for a string of about the same length. Pages
// themselves are kept.
type slab struct {
	pages [][]byte
	used  uint32              // bytes of the last page
	free  map[uint32][]extent // dropped, by room
}

// extent is where a string is. It refers to nothing.
type extent struct{ page, at, size uint32 }

const (
	pageSize = 64 << 10
	// unit is what the room of a string is a multiple of, so that it can be
	// replaced by one that is a little longer or shorter.
	unit = 64
)

// room is how many bytes e has to itself.
func (e extent) room() uint32 { return (e.size + unit - 1) / unit * unit }

// get is the string at e itself, not a copy: it must not be kept or changed.
func (s *slab) get(e extent) []byte { return s.pages[e.page][e.at : e.at+e.size] }

// put copies b into the slab.
func (s *slab) put(b []byte) extent {
	e := extent{size: uint32(len(b))}
	room := e.room()
	if free := s.free[room]; len(free) > 0 {
		last := len(free) - 1
		e.page, e.at = free[last].page, free[last].at
		s.free[room] = free[:last]
	} else {
		e.page, e.at = s.fresh(room)
	}
	copy(s.get(e), b)
	return e
}

// fresh is room that was never used, on a new page if need be.
func (s *slab) fresh(room uint32) (page, at uint32) {
	if len(s.pages) == 0 || int(s.used+room) > len(s.pages[len(s.pages)-1]) {
		s.pages = append(s.pages, make([]byte, max(pageSize, room)))
		s.used = 0
	}
	at = s.used
	s.used += room
	return uint32(len(s.pages) - 1), at
}

// replace puts b in place of what is at e.
func (s *slab) replace(e extent, b []byte) extent {
	if size := uint32(len(b)); (extent{size: size}).room() == e.room() {
		e.size = size
		copy(s.get(e), b)
		return e
	}
	s.drop(e)
	return s.put(b)
}

// drop gives the room at e to others. What was there is wiped.
func (s *slab) drop(e extent) {
	clear(s.get(e))
	if s.free == nil {
		s.free = map[uint32][]extent{}
	}
	s.free[e.room()] = append(s.free[e.room()], e)
}
