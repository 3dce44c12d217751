package shop

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/views/shop"
)

// listTab answers htmx with a page of the shoppers' list.
func (hs *Handlers) listTab(c echo.Context) error {
	list, err := hs.cfg.Users(c)
	if err != nil {
		return err
	}
	return hs.Users(c, list)
}

// Users shows a page of the shoppers' list.
func (hs *Handlers) Users(c echo.Context, list shop.UserList) error {
	if byHTMX(c) {
		return hs.send(c, http.StatusOK, shop.UserListFragment(list))
	}
	home := hs.page(c, "")
	home.Tab, home.Users = shop.TabUsers, &list
	return hs.send(c, http.StatusOK, shop.HomePage(home))
}

// listed is the list for the whole page. When it cannot be read, the page is shown with the problem in its place.
func (hs *Handlers) listed(c echo.Context) *shop.UserList {
	list, err := hs.cfg.Users(c)
	if err == nil {
		return &list
	}
	problem := request.ProblemOf(err)
	if problem.Status == http.StatusInternalServerError {
		hs.cfg.Log.Fault(c, err)
	}
	return &shop.UserList{Problem: inALine(language(c), problem)}
}
