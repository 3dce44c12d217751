package combine

// Len is the number of keys that the group has a combiner for.
func (g *Group[K, In, Out]) Len() int {
	n := 0
	g.each(func(K, *Combiner[In, Out]) { n++ })
	return n
}
