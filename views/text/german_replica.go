package text

// germanReplica has how old lists of the desk are that a replica has answered.
func germanReplica() map[string]any {
	return map[string]any{
		"This is how it was up to %d seconds ago.": "So war es vor höchstens %d Sekunden.",
	}
}
