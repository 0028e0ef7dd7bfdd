/* SPDX-License-Identifier: Apache-2.0 */
/* Plots as SVG inside a page: a frame with axes, and what is drawn into it in the units of the data. */
#ifndef MICROWORLD_PLOT_H
#define MICROWORLD_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct axis {
    const char *label;
    double least, most;
    double step; /* between ticks; 0: no ticks */
};

struct plot {
    FILE *out;
    struct axis x, y;
};

enum { PLOT_WIDTH = 520, PLOT_HEIGHT = 330 };

/* @p title is for those who cannot see it. */
void plot_begin(struct plot *p, FILE *out, const char *title, struct axis x, struct axis y);
void plot_end(struct plot *p);
/* @p css names a class of the page: it gives the colour. */
void plot_line(struct plot *p, const char *css, const double *x, const double *y, size_t count);
void plot_dot(struct plot *p, const char *css, double x, double y, double x_error, double y_error);
void plot_bar(struct plot *p, const char *css, double left, double right, double height);

#endif
