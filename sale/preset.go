package sale

// Preset is a size of a sale: its stock, and how many shoppers there are at least.
type Preset struct {
	Name  string
	Stock int64
	Users int
}

// Presets lists the presets from small to extreme.
func Presets() []Preset {
	return []Preset{
		{"small", 5, 15},
		{"medium", 100, 150},
		{"large", 1_000, 1_500},
		{"extreme", 10_000, 10_000},
	}
}

// PresetNamed finds a preset by its exact name.
func PresetNamed(name string) (Preset, bool) {
	for _, p := range Presets() {
		if p.Name == name {
			return p, true
		}
	}
	return Preset{}, false
}
