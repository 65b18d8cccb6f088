/** How far the times of health checks in a list may be behind, and how soon they are looked at again, in milliseconds. */
export const lagMs = 20_000;
export const lookAgainMs = 10_000;
