package text

// germanReplica has how old lists of the desk are that a replica has answered.
func germanReplica() map[string]any {
	return map[string]any{
		"What is shown here may be %d seconds old.": "Was hier steht, kann %d Sekunden alt sein.",
	}
}
