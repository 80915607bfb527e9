/** The CloudWatch namespace of all of Hookline's metrics. */
export const METRIC_NAMESPACE = 'Hookline';
