package text

// germanProduct are the texts of the product: its pictures, its facts and its price.
func germanProduct() map[string]any {
	return map[string]any{}
}
