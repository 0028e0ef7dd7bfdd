/* SPDX-License-Identifier: Apache-2.0 */
/** @file opapairs.h
 *  libopapairs: import model outputs and expert edits, align them token by token, build, validate and pack preference
 * pairs.
 *
 *      opa_context *ctx;
 *      opa_store *store;
 *      const char *files[] = {"step0_rank0.json"};
 *      opa_import_report report;
 *      if (opa_context_new(&ctx) || opa_store_create(ctx, "set.opa") || opa_store_open(ctx, &store, "set.opa") ||
 *          opa_store_import(store, files, 1, NULL, &report))
 *          fprintf(stderr, "%s\n", opa_context_message(ctx));
 *
 *  More in examples/. Each header is the manual of its part.
 */
#ifndef OPAPAIRS_OPAPAIRS_H
#define OPAPAIRS_OPAPAIRS_H

#include <opapairs/align.h>
#include <opapairs/base.h>
#include <opapairs/check.h>
#include <opapairs/finding.h>
#include <opapairs/image.h>
#include <opapairs/json.h>
#include <opapairs/pack.h>
#include <opapairs/pairs.h>
#include <opapairs/report.h>
#include <opapairs/sample.h>
#include <opapairs/store.h>
#include <opapairs/tokenizer.h>

#endif
