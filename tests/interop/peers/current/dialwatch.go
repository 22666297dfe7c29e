package main

import (
	"strings"

	"ems.test/console"
)

// dialWatch tells when the stack dials, which no callback does; everything else is dropped.
type dialWatch struct{}

func (dialWatch) Trace(...any)          {}
func (dialWatch) Tracef(string, ...any) {}
func (dialWatch) Debug(...any)          {}
func (dialWatch) Debugf(format string, _ ...any) {
	if strings.HasPrefix(format, "initiating connection to") {
		console.Emit("dialling", nil)
	}
}
func (dialWatch) Info(...any)           {}
func (dialWatch) Infof(string, ...any)  {}
func (dialWatch) Error(...any)          {}
func (dialWatch) Errorf(string, ...any) {}
