package instance

// StartProduct lets the browser tests, which see the product only from outside, start one.
var StartProduct = startProduct
