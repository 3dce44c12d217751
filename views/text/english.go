package text

// englishPlurals has the English texts that depend on a number.
func englishPlurals() map[string]any {
	return map[string]any{}
}
