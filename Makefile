# Short names for what npm and Docker Compose do. Nothing is done here that they do not do.

.DEFAULT_GOAL := help
.PHONY: help install start up down logs health test integration check docs

help: ## lists these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: ## everything that is needed, from npm
	npm ci

start: ## the whole system on this machine, without Docker
	npm start

up: ## the whole system in containers; returns when all of it is up
	docker compose up --build -d --wait

down: ## stops the containers; their data is kept
	docker compose down

logs: ## what the containers write, as they write it
	docker compose logs --follow --tail 100

health: ## says what is wrong with a running system, and what to do
	npm run doctor

test: ## every test
	npm test

integration: ## the whole system from the outside, its services as processes
	npm run test:integration

check: ## everything that CI checks without Docker
	bash .ci/run

docs: ## the documents that are made from the code
	npm run docs
