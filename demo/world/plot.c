/* SPDX-License-Identifier: Apache-2.0 */
#include "plot.h"

#include <math.h>

/* Of the frame, in pixels. */
enum { LEFT = 52, RIGHT = PLOT_WIDTH - 14, TOP = 14, BOTTOM = PLOT_HEIGHT - 46 };

static double at_x(const struct plot *p, double x)
{
    return LEFT + (x - p->x.least) / (p->x.most - p->x.least) * (RIGHT - LEFT);
}

static double at_y(const struct plot *p, double y)
{
    return BOTTOM - (y - p->y.least) / (p->y.most - p->y.least) * (BOTTOM - TOP);
}

static void draw_ticks(struct plot *p)
{
    FILE *out = p->out;
    for (double v = p->y.least; p->y.step > 0 && v <= p->y.most + p->y.step / 100; v += p->y.step)
        fprintf(out, "<path class=grid d='M%d %.1fH%d'/><text class='tick end' x=%d y=%.1f>%g</text>\n", LEFT,
                at_y(p, v), RIGHT, LEFT - 6, at_y(p, v) + 4, v);
    for (double v = p->x.least; p->x.step > 0 && v <= p->x.most + p->x.step / 100; v += p->x.step)
        fprintf(out, "<path class=grid d='M%.1f %dV%d'/><text class='tick middle' x=%.1f y=%d>%g</text>\n", at_x(p, v),
                TOP, BOTTOM, at_x(p, v), BOTTOM + 16, v);
}

void plot_begin(struct plot *p, FILE *out, const char *title, struct axis x, struct axis y)
{
    *p = (struct plot){out, x, y};
    fprintf(out, "<svg viewBox='0 0 %d %d' role=img aria-label='%s'>\n", PLOT_WIDTH, PLOT_HEIGHT, title);
    draw_ticks(p);
    fprintf(out, "<path class=axis d='M%d %dV%dH%d'/>\n", LEFT, TOP, BOTTOM, RIGHT);
    fprintf(out, "<text class='label middle' x=%d y=%d>%s</text>\n", (LEFT + RIGHT) / 2, PLOT_HEIGHT - 8, x.label);
    fprintf(out, "<text class='label middle' transform='translate(14 %d) rotate(-90)'>%s</text>\n", (TOP + BOTTOM) / 2,
            y.label);
}

void plot_end(struct plot *p)
{
    fputs("</svg>\n", p->out);
}

void plot_line(struct plot *p, const char *css, const double *x, const double *y, size_t count)
{
    bool pen_down = false;
    fprintf(p->out, "<path class='line %s' d='", css);
    for (size_t i = 0; i < count; i++) {
        if (isnan(y[i])) {
            pen_down = false;
            continue;
        }
        fprintf(p->out, "%c%.1f %.1f", pen_down ? 'L' : 'M', at_x(p, x[i]), at_y(p, y[i]));
        pen_down = true;
    }
    fputs("'/>\n", p->out);
}

void plot_dot(struct plot *p, const char *css, double x, double y, double x_error, double y_error)
{
    fprintf(p->out, "<path class=whisker d='M%.1f %.1fH%.1fM%.1f %.1fV%.1f'/>", at_x(p, x - x_error), at_y(p, y),
            at_x(p, x + x_error), at_x(p, x), at_y(p, y - y_error), at_y(p, y + y_error));
    fprintf(p->out, "<circle class='dot %s' cx=%.1f cy=%.1f r=6 />\n", css, at_x(p, x), at_y(p, y));
}

void plot_bar(struct plot *p, const char *css, double left, double right, double height)
{
    fprintf(p->out, "<rect class='bar %s' x=%.1f y=%.1f width=%.1f height=%.1f />\n", css, at_x(p, left),
            at_y(p, height), at_x(p, right) - at_x(p, left), at_y(p, p->y.least) - at_y(p, height));
}
