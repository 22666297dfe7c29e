module ems.test/console

go 1.24
