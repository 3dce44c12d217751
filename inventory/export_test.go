package inventory

// Available is false while the server of any sale's places is known not to answer.
func (p *Places) Available() bool { return p.down.Load() == 0 }
