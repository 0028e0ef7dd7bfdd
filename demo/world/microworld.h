/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the microworld program. */
#ifndef MICROWORLD_H
#define MICROWORLD_H

#include "program.h"

extern const struct command cmd_scenes, cmd_expert, cmd_measure, cmd_report;

/* What is asked about every picture. */
#define QUESTION_OF_ALL "Describe the picture."

#endif
